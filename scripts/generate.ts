/** Writes what is generated from the API contract. `--check` writes nothing and fails when a file is stale. */
import { join, resolve } from 'node:path'
import { openApiDocument, routesSource } from '../apps/server/src/http/openapi.ts'

const root = resolve(import.meta.dir, '..')
const files: Record<string, string> = {
  'packages/wire/src/routes.ts': routesSource(),
  'openapi.json': `${JSON.stringify(await openApiDocument(), null, 2)}\n`,
}

const stale: string[] = []
for (const [path, text] of Object.entries(files)) {
  const file = Bun.file(join(root, path))
  if ((await file.exists()) && (await file.text()) === text) continue
  stale.push(path)
  if (!process.argv.includes('--check')) await Bun.write(file, text)
}
if (process.argv.includes('--check') && stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}; run \`bun scripts/generate.ts\``)
  process.exit(1)
}
console.error(stale.length === 0 ? 'generated files are current' : `wrote ${stale.join(', ')}`)
