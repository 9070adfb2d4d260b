/** Where a session is, as far as this tab knows. */
export type Phase =
  | { readonly kind: 'opening'; readonly text: string }
  | { readonly kind: 'running' }
  /** On its way to a stop. */
  | { readonly kind: 'stopping'; readonly text: string }
  | { readonly kind: 'paused' }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'handedOver'; readonly to: string }
  | { readonly kind: 'ended'; readonly code: number }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface PhaseText {
  /** A class of the style sheet. */
  readonly look: 'running' | 'paused' | 'elsewhere' | 'ended' | 'failed' | 'opening'
  readonly state: string
  readonly where: string
}

export function describePhase(phase: Phase): PhaseText {
  switch (phase.kind) {
    case 'opening':
      return { look: 'opening', state: phase.text, where: '' }
    case 'running':
      return { look: 'running', state: 'Running', where: 'in this tab' }
    case 'stopping':
      return { look: 'opening', state: phase.text, where: 'in this tab' }
    case 'paused':
      return { look: 'paused', state: 'Paused', where: 'kept in this browser' }
    case 'elsewhere':
      return { look: 'elsewhere', state: 'Running', where: 'in another tab' }
    case 'handedOver':
      return { look: 'elsewhere', state: 'Handed over', where: `to ${phase.to}` }
    case 'ended':
      return { look: phase.code === 0 ? 'ended' : 'failed', state: `Ended with code ${phase.code}`, where: '' }
    case 'failed':
      return { look: 'failed', state: 'Stopped by an error', where: '' }
  }
}
