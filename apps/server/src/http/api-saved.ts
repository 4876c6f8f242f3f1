/** The part of the contract about whole workspaces: moves, backups, templates. */
import { savedApi } from '@berth/wire/saved'
import { implement } from '@orpc/server'
import { cancelMove, moveWorkspace } from '../services/move.ts'
import { restoreSaved } from '../services/restore-saved.ts'
import { listSaved, removeSaved, requireSaved, savedView, saveWorkspace, type SavedDeps } from '../services/saved.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function savedRouter(deps: SavedDeps) {
  const os = implement(savedApi).$context<ApiContext>().use(signedIn)
  return {
    moveWorkspace: os.moveWorkspace.handler(({ input, context }) => moveWorkspace(deps, input, context.caller)),
    cancelMove: os.cancelMove.handler(({ input }) => cancelMove(deps, input.id)),
    saveWorkspace: os.saveWorkspace.handler(({ input, context }) => saveWorkspace(deps, input, context.caller)),
    listSaved: os.listSaved.handler(async ({ context }) => {
      const level = await deps.gate.seenBy(context.caller)
      return listSaved(deps, context.caller, (id) => level(id) !== null)
    }),
    getSaved: os.getSaved.handler(async ({ input, context }) => savedView(await requireSaved(deps, context.caller, input.id))),
    removeSaved: os.removeSaved.handler(({ input, context }) => removeSaved(deps, context.caller, input.id)),
    restoreSaved: os.restoreSaved.handler(({ input, context }) => restoreSaved(deps, input, context.caller)),
  }
}
