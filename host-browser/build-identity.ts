/** Set by scripts/build.mjs: a hash of the pre-linker's sources, whose version only tells when sites change. */
declare const STASIS_PRELINK_BUILD: string | undefined

export const buildIdentity = (): string => (typeof STASIS_PRELINK_BUILD === 'string' ? STASIS_PRELINK_BUILD : 'source')
