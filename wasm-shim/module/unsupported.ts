import { StasisError } from '../errors.ts'

/** A valid module that uses something this reader knows by name but does not handle. */
export function refuseFeature(feature: string, offset: number): never {
  throw new StasisError(
    'STASIS_MODULE_UNSUPPORTED',
    `The WebAssembly module uses ${feature} (at byte ${offset}), which is not supported. Compile it without that feature.`,
    { feature, offset },
  )
}

export function refuseComponent(offset: number): never {
  throw new StasisError(
    'STASIS_MODULE_UNSUPPORTED',
    'The file is a WebAssembly component, not a core module, and components are not supported. Build the program for WASI preview 1, or extract the core module.',
    { feature: 'components', offset },
  )
}
