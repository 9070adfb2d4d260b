import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { buildSync } from 'esbuild'

/** One module of this repository with all it imports, as JavaScript that any Node runs. */
export function bundle(url: URL): string {
  const built = buildSync({
    entryPoints: [fileURLToPath(url)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    logLevel: 'error',
  })
  return built.outputFiles[0]?.text ?? ''
}

/** A worker thread that runs a TypeScript module of this repository. */
export function startWorker(url: URL, workerData: unknown): Worker {
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(bundle(url))}`), { workerData })
}
