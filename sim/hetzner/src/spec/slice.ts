/** `bun run slice <hcloud.json>`: the file `openapi/hcloud.json` of the repository MaximilianKoestler/hcloud-openapi, a copy of what Hetzner publishes. */
import { join } from 'node:path'
import { slice } from '@berth/sim-spec/slice'
import { OPERATIONS } from './operations.ts'

const source = process.argv[2]
if (source === undefined) throw new Error('which file? openapi/hcloud.json')
await Bun.write(join(import.meta.dir, 'api.json'), slice((await Bun.file(source).json()) as Parameters<typeof slice>[0], OPERATIONS, { also: ['error_response'] }))
