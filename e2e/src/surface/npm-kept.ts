/** Real dev servers, at exact versions, fetched once to a machine: later runs need no network. */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEPT = process.env['BERTH_E2E_NPM'] ?? '/var/tmp/berth-e2e-npm'

/** What `berth up` leaves at home by its name comes along in this; `tar xf` in the workspace makes `node_modules` of it. */
export const PACKAGES_FILE = 'packages.tar'

/** These packages, `name@version` each, as PACKAGES_FILE in `dir`. `finish`: what their install scripts would do, which are not run. */
export async function withPackages(dir: string, packages: readonly string[], finish?: (aside: string) => Promise<void>): Promise<void> {
  const kept = join(KEPT, packages.join('+').replaceAll(/[^A-Za-z0-9@.+-]/g, '_'))
  if (!existsSync(kept)) await install(kept, packages, finish)
  copyFileSync(join(kept, PACKAGES_FILE), join(dir, PACKAGES_FILE))
}

async function install(kept: string, packages: readonly string[], finish?: (aside: string) => Promise<void>): Promise<void> {
  const aside = `${kept}.${process.pid}`
  mkdirSync(aside, { recursive: true })
  writeFileSync(join(aside, 'package.json'), '{"private":true}')
  await run(['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', ...packages], aside)
  await finish?.(aside)
  await run(['tar', 'cf', PACKAGES_FILE, 'node_modules'], aside)
  rmSync(join(aside, 'node_modules'), { recursive: true })
  // Of two runs that fetch at once one wins.
  if (existsSync(kept)) rmSync(aside, { recursive: true, force: true })
  else renameSync(aside, kept)
}

export async function run(argv: string[], cwd: string): Promise<void> {
  const child = Bun.spawn(argv, { cwd, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`${argv.join(' ')}: exit ${code}\n${out}\n${err}`)
}
