/** esbuild gives style sheets as texts (scripts/web.mjs). */
declare module '*.css' {
  const text: string
  export default text
}
