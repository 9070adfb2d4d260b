import { basename, relative } from 'node:path'

/** How the person started us, as words, so that a command we print can be pasted. */
export function programWords(
  script = process.argv[1] ?? 'stasis',
  env: NodeJS.ProcessEnv = process.env,
): readonly string[] {
  // npx sets npm_command for all that is started below it; it is how we were started only with npm's own link.
  if (basename(script) === 'stasis')
    return env.npm_command === 'exec' && script.includes('node_modules/.bin') ? ['npx', 'stasis'] : ['stasis']
  const near = relative('', script)
  return ['node', near.startsWith('..') ? script : near]
}
