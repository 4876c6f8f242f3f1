/** `bun run slice <openapi.json>`: the file `specs/openapi.json` of the repository alchemy-run/distilled-spec-fly-io, a copy of what Fly publishes. */
import { join } from 'node:path'
import { slice } from '@berth/sim-spec/slice'
import { OPERATIONS } from './operations.ts'

const source = process.argv[2]
if (source === undefined) throw new Error('which file? specs/openapi.json')
await Bun.write(join(import.meta.dir, 'api.json'), slice((await Bun.file(source).json()) as Parameters<typeof slice>[0], OPERATIONS, { also: ['ErrorResponse'] }))
