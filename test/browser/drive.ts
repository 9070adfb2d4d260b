import type { Page } from 'puppeteer-core'
import type { driver } from './page/driver.ts'

type Driver = typeof driver
type Functions = {
  [Name in keyof Driver as Driver[Name] extends (...args: never[]) => unknown ? Name : never]: Driver[Name]
}

/** Calls a function of the page's driver. */
export function call<Name extends keyof Functions & string>(
  page: Page,
  name: Name,
  ...args: Parameters<Functions[Name]>
): Promise<Awaited<ReturnType<Functions[Name]>>> {
  return page.evaluate(
    (name, args) => {
      const functions = (globalThis as unknown as { driver: Record<string, (...args: unknown[]) => unknown> }).driver
      return functions[name]!(...args)
    },
    name,
    args as unknown[],
  ) as Promise<Awaited<ReturnType<Functions[Name]>>>
}
