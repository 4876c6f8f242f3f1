/**
 * `bun run slice <generated/api.github.com.json of @octokit/openapi>`; the package is 385 MB, so it is fetched for a
 * refresh only.
 */
import { join } from 'node:path'
import { slice } from '@berth/sim-spec/slice'
import { OPERATIONS, WEBHOOKS } from './operations.ts'

const source = process.argv[2]
if (source === undefined) throw new Error('which file? generated/api.github.com.json of @octokit/openapi')
await Bun.write(join(import.meta.dir, 'api.json'), slice((await Bun.file(source).json()) as Parameters<typeof slice>[0], OPERATIONS, { webhooks: WEBHOOKS }))
