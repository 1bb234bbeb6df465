/** Stands in for a page that cannot be shown: its files could not be loaded, or it has a defect. */

import { Component, type ReactNode } from "react";
import { PageHead } from "./basic";

interface BoundaryProps {
  /** The address of the page: at another one it is tried again. */
  at: string;
  children: ReactNode;
}

export class Boundary extends Component<BoundaryProps, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override componentDidUpdate(before: BoundaryProps): void {
    if (before.at !== this.props.at && this.state.error !== undefined) this.setState({ error: undefined });
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <>
        <PageHead title="This page cannot be shown" />
        <div className="notice bad" role="alert">
          <strong>Its files could not be loaded, or it failed.</strong>
          <span>{error.message}</span>
          <span>When the server answers again, load the page again. A draft is kept in this tab.</span>
        </div>
        <p className="dialog-actions">
          <button className="button primary" onClick={() => location.reload()}>
            Load again
          </button>
        </p>
      </>
    );
  }
}
