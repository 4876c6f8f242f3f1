/** Real dev servers, at exact versions, fetched once to a machine: later runs need no network. */
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEPT = process.env['BERTH_E2E_NPM'] ?? '/var/tmp/berth-e2e-npm'

/** `node_modules` with these packages, `name@version` each, copied into `dir`. */
export async function withPackages(dir: string, packages: readonly string[]): Promise<void> {
  const kept = join(KEPT, packages.join('+').replaceAll(/[^A-Za-z0-9@.+-]/g, '_'))
  if (!existsSync(kept)) await install(kept, packages)
  cpSync(join(kept, 'node_modules'), join(dir, 'node_modules'), { recursive: true, verbatimSymlinks: true })
}

async function install(kept: string, packages: readonly string[]): Promise<void> {
  const aside = `${kept}.${process.pid}`
  mkdirSync(aside, { recursive: true })
  writeFileSync(join(aside, 'package.json'), '{"private":true}')
  const child = Bun.spawn(['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', ...packages], { cwd: aside, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`npm install ${packages.join(' ')}: exit ${code}\n${out}\n${err}`)
  // Of two runs that fetch at once one wins.
  if (existsSync(kept)) rmSync(aside, { recursive: true, force: true })
  else renameSync(aside, kept)
}
