/** A button of something that needs a permission. A role that lacks it sees the button, disabled, with the reason. */

import { useId, type ReactNode } from "react";
import { useRefusal, type Permission } from "../api/queries";

interface ActionButtonProps {
  needs: Permission;
  children: ReactNode;
  className?: string;
  disabled?: boolean;
  type?: "button" | "submit";
  onClick?: () => void;
}

export function ActionButton({ needs, children, className = "", disabled = false, type = "button", onClick }: ActionButtonProps): ReactNode {
  const refusal = useRefusal(needs);
  const id = useId();
  return (
    <>
      <button
        type={type}
        className={`button ${className}`}
        disabled={disabled || refusal !== undefined}
        title={refusal}
        aria-describedby={refusal === undefined ? undefined : id}
        onClick={onClick}
      >
        {children}
      </button>
      {refusal !== undefined && (
        <span id={id} className="visually-hidden">
          {refusal}
        </span>
      )}
    </>
  );
}
