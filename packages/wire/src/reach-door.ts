/**
 * The server's door for the CLI of its own home: a unix socket below BERTH_HOME that becomes the connection itself, so that
 * ssh may hold it without a process of ours in between. The CLI says one line of JSON (`DoorAsk`); the server answers with
 * one line, DOOR_OPEN or an error's body as JSON and the end. After DOOR_OPEN there are only the bytes of the machine.
 * An optimisation: where there is no door, the WebSocket of `reach.ts` does the same.
 */
export const DOOR_PATH = ['run', 'reach.sock'] as const
export const DOOR_OPEN = 'open\n'
/** A token, an id and a key fit many times. */
export const DOOR_ASK_LIMIT = 16 * 1024
/** `token` is a secret. `key`: the public key that may sign in. */
export interface DoorAsk { readonly token: string; readonly workspace: string; readonly key: string }
