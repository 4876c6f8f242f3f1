/** The part of the contract about a workspace's tree, ports, commands and screens. */
import { BerthError } from '@berth/wire'
import { filesApi } from '@berth/wire/files'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { listCommands, listFiles, listPorts, readFile, terminalSnapshot } from '../services/files.ts'
import type { ApiContext } from './api.ts'

export function filesRouter(deps: ServiceDeps) {
  const os = implement(filesApi).$context<ApiContext>()
  const signedIn = os.use(({ context, next }) => {
    if (!context.caller) throw new BerthError('unauthorized', 'no valid credential')
    return next({ context: { caller: context.caller } })
  })
  return {
    listFiles: signedIn.listFiles.handler(({ input }) => listFiles(deps, input)),
    readFile: signedIn.readFile.handler(({ input }) => readFile(deps, input)),
    listPorts: signedIn.listPorts.handler(({ input }) => listPorts(deps, input.id)),
    listCommands: signedIn.listCommands.handler(({ input }) => listCommands(deps, input.id)),
    terminalSnapshot: signedIn.terminalSnapshot.handler(({ input }) => terminalSnapshot(deps, input)),
  }
}
