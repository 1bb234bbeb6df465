/** The token of this tab. It ends with the tab: nothing is written to disk. */

const KEY = "midflight-token";
const listeners = new Set<() => void>();

function announce(): void {
  for (const listener of listeners) listener();
}

export const session = {
  token: (): string | null => sessionStorage.getItem(KEY),
  signIn(token: string): void {
    sessionStorage.setItem(KEY, token);
    announce();
  },
  signOut(): void {
    sessionStorage.removeItem(KEY);
    announce();
  },
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
