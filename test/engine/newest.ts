// Checks every fixture in every mode and prints, as JSON, what is wrong. Run by engine.test.ts on the newest Node.
import { check, encodingModes, modes } from './check.ts'
import { everywhere, onNewest } from './fixtures/index.ts'

const problems: Record<string, string[]> = {}
for (const fixture of [...everywhere, ...onNewest])
  for (const [mode, options] of Object.entries({ ...modes, ...encodingModes })) {
    const key = `${fixture.name} | ${mode}`
    try {
      problems[key] = check(fixture, options)
    } catch (error) {
      problems[key] = [String((error as Error).stack)]
    }
  }
process.stdout.write(JSON.stringify(problems))
