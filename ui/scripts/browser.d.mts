import type { BrowserContext } from "@playwright/test";
export function browserPath(): string | undefined;
export function signIn(context: BrowserContext, url: string, token: string): Promise<void>;
