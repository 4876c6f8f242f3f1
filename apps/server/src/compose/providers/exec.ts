import type { Provider } from '@berth/core'
import { createExecProvider } from '@berth/providers/exec'
import { z } from 'zod'
import { settingsOf, type ProviderContext } from './context.ts'

/** A program and its words. */
const argv = z.tuple([z.string().startsWith('/')], z.string().min(1)).check(z.maxLength(64))
const Settings = z.strictObject({
  /** Given the verb as its last word; for verbs without a command of their own. */
  command: argv.optional(),
  createCommand: argv.optional(), startCommand: argv.optional(), stopCommand: argv.optional(), observeCommand: argv.optional(),
  destroyCommand: argv.optional(), listCommand: argv.optional(), checkCommand: argv.optional(), logsCommand: argv.optional(),
  isolation: z.enum(['vm', 'container', 'sandbox', 'none']).optional(),
  bootBy: z.enum(['stdin', 'file']).optional(),
  timeoutSeconds: z.number().int().min(1).max(3600).optional(),
  /** Of this server's environment, which commands get nothing else of. */
  variables: z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/)).optional(),
  currency: z.string().regex(/^[A-Z]{3}$/).optional(),
  runningMicrosPerHour: z.number().int().nonnegative().optional(),
  stoppedMicrosPerHour: z.number().int().nonnegative().optional(),
})

export function exec(context: ProviderContext): Provider {
  const { createCommand, startCommand, stopCommand, observeCommand, destroyCommand, listCommand, checkCommand, logsCommand, currency = 'USD', runningMicrosPerHour, stoppedMicrosPerHour = 0, ...settings } = settingsOf(Settings, context.home, 'exec')
  const own = { create: createCommand, start: startCommand, stop: stopCommand, observe: observeCommand, destroy: destroyCommand, list: listCommand, check: checkCommand, logs: logsCommand }
  return createExecProvider({
    ...context, ...settings, commands: Object.fromEntries(Object.entries(own).filter(([, command]) => command !== undefined)),
    ...(runningMicrosPerHour === undefined ? {} : { price: { currency, runningMicrosPerHour, stoppedMicrosPerHour } }),
  })
}
