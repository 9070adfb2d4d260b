import type { ImportFunction, ImportSite } from '../../runtime/intercept/interceptor.ts'

/** What stands behind an import now. It changes when the program is started, and when its log is dropped. */
export interface Gate {
  readonly site: ImportSite
  target: ImportFunction
  /** What becomes of an exit and of everything that is thrown. */
  readonly fail: (thrown: unknown) => never
}

/**
 * The function that the guest imports. It has the import's number of parameters, since gathering them into an array costs as
 * much as a short call.
 */
export function gateFunction(gate: Gate): ImportFunction {
  switch (gate.site.params.length) {
    case 0:
      return () => {
        try {
          return gate.target()
        } catch (thrown) {
          gate.fail(thrown)
        }
      }
    case 1:
      return (a) => {
        try {
          return gate.target(a)
        } catch (thrown) {
          gate.fail(thrown)
        }
      }
    case 2:
      return (a, b) => {
        try {
          return gate.target(a, b)
        } catch (thrown) {
          gate.fail(thrown)
        }
      }
    case 3:
      return (a, b, c) => {
        try {
          return gate.target(a, b, c)
        } catch (thrown) {
          gate.fail(thrown)
        }
      }
    case 4:
      return (a, b, c, d) => {
        try {
          return gate.target(a, b, c, d)
        } catch (thrown) {
          gate.fail(thrown)
        }
      }
    case 5:
      return (a, b, c, d, e) => {
        try {
          return gate.target(a, b, c, d, e)
        } catch (thrown) {
          gate.fail(thrown)
        }
      }
    default:
      return (...args) => {
        try {
          return gate.target(...args)
        } catch (thrown) {
          gate.fail(thrown)
        }
      }
  }
}
