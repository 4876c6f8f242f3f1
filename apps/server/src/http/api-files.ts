/** The part of the contract about a workspace's tree, ports, commands and screens. */
import { filesApi } from '@berth/wire/files'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { listCommands, listFiles, listPorts, readFile, terminalSnapshot, writeFile } from '../services/files.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function filesRouter(deps: ServiceDeps) {
  const os = implement(filesApi).$context<ApiContext>().use(signedIn)
  return {
    listFiles: os.listFiles.handler(({ input }) => listFiles(deps, input)),
    readFile: os.readFile.handler(({ input }) => readFile(deps, input)),
    writeFile: os.writeFile.handler(({ input }) => writeFile(deps, input)),
    listPorts: os.listPorts.handler(({ input }) => listPorts(deps, input.id)),
    listCommands: os.listCommands.handler(({ input }) => listCommands(deps, input.id)),
    terminalSnapshot: os.terminalSnapshot.handler(({ input }) => terminalSnapshot(deps, input)),
  }
}
