import type { ImportFunction, ImportSite } from '../intercept/interceptor.ts'

/** What the functions in the imports' places ask of their engine. */
export interface Gate {
  /** Host functions being called: more than none at an interceptor's entry means host frames between the guest's. */
  hostDepth: number
  readonly shouldCapture: (site: ImportSite) => boolean
  /** Throws unless the capture is refused. */
  readonly capture: (site: ImportSite, args: readonly unknown[]) => void
  /** Throws what the guest is to be unwound by; returns when the call gave way to a capture, having done nothing. */
  readonly hostThrew: (thrown: unknown) => void
}

/**
 * The function that stands in an import's place. It has the import's own number of parameters, since gathering them
 * into an array costs as much as a short call; the array is made where it is needed, on the way out.
 */
export function interceptImport(gate: Gate, site: ImportSite, next: ImportFunction): ImportFunction {
  const { shouldCapture } = gate
  /** Outside of `next`, whose host frame is still counted. */
  const again = (thrown: unknown, args: readonly unknown[]): unknown => {
    gate.hostDepth--
    try {
      gate.hostThrew(thrown)
      gate.capture(site, args)
      return intercepted(...args)
    } finally {
      gate.hostDepth++
    }
  }
  const intercepted = (...args: unknown[]): unknown => {
    gate.hostDepth++
    try {
      return next(...args)
    } catch (thrown) {
      return again(thrown, args)
    } finally {
      gate.hostDepth--
    }
  }
  switch (site.params.length) {
    case 1:
      return (a) => {
        if (shouldCapture(site)) gate.capture(site, [a])
        gate.hostDepth++
        try {
          return next(a)
        } catch (thrown) {
          return again(thrown, [a])
        } finally {
          gate.hostDepth--
        }
      }
    case 2:
      return (a, b) => {
        if (shouldCapture(site)) gate.capture(site, [a, b])
        gate.hostDepth++
        try {
          return next(a, b)
        } catch (thrown) {
          return again(thrown, [a, b])
        } finally {
          gate.hostDepth--
        }
      }
    case 3:
      return (a, b, c) => {
        if (shouldCapture(site)) gate.capture(site, [a, b, c])
        gate.hostDepth++
        try {
          return next(a, b, c)
        } catch (thrown) {
          return again(thrown, [a, b, c])
        } finally {
          gate.hostDepth--
        }
      }
    case 4:
      return (a, b, c, d) => {
        if (shouldCapture(site)) gate.capture(site, [a, b, c, d])
        gate.hostDepth++
        try {
          return next(a, b, c, d)
        } catch (thrown) {
          return again(thrown, [a, b, c, d])
        } finally {
          gate.hostDepth--
        }
      }
    case 5:
      return (a, b, c, d, e) => {
        if (shouldCapture(site)) gate.capture(site, [a, b, c, d, e])
        gate.hostDepth++
        try {
          return next(a, b, c, d, e)
        } catch (thrown) {
          return again(thrown, [a, b, c, d, e])
        } finally {
          gate.hostDepth--
        }
      }
    case 9:
      return (a, b, c, d, e, f, g, h, i) => {
        if (shouldCapture(site)) gate.capture(site, [a, b, c, d, e, f, g, h, i])
        gate.hostDepth++
        try {
          return next(a, b, c, d, e, f, g, h, i)
        } catch (thrown) {
          return again(thrown, [a, b, c, d, e, f, g, h, i])
        } finally {
          gate.hostDepth--
        }
      }
    default:
      return (...args) => {
        if (shouldCapture(site)) gate.capture(site, args)
        return intercepted(...args)
      }
  }
}
