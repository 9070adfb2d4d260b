import { basename, relative } from 'node:path'

/** How the person started us, as words, so that a command we print can be pasted. */
export function programWords(
  script = process.argv[1] ?? 'stasis',
  env: NodeJS.ProcessEnv = process.env,
): readonly string[] {
  if (env.npm_command === 'exec') return ['npx', 'stasis']
  if (basename(script) === 'stasis') return ['stasis']
  const near = relative('', script)
  return ['node', near.startsWith('..') ? script : near]
}
