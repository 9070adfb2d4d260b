// The browsers that tests drive: Debian's packages. Where they cannot be installed, those tests are skipped by name.
import { installPackages } from './apt.mjs'
import { say } from './process.mjs'

export const installBrowsers = () => {
  try {
    installPackages(['chromium', 'firefox-esr'])
  } catch (error) {
    say(`Browser tests are skipped where a browser is missing: ${error.message.split('\n')[0]}`)
  }
}
