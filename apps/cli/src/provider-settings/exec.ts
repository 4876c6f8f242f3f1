import { numberFrom, oneOf, price, some, words, type ProviderSettings } from './setting.ts'

const forVerb = (verb: string, does: string): ProviderSettings[string] => ({ key: `${verb}Command`, value: 'program', help: `${does}, in place of --command`, read: words })

export const exec: ProviderSettings = {
  command: { key: 'command', value: 'program', help: 'your own program, or it and its words as JSON; it is given the verb as its last word (docs/exec.md)', read: words },
  'create-command': forVerb('create', 'makes a machine'),
  'start-command': forVerb('start', 'starts one that is stopped'),
  'stop-command': forVerb('stop', 'stops one and keeps its disk'),
  'observe-command': forVerb('observe', 'says what one is'),
  'destroy-command': forVerb('destroy', 'removes one and all that is left of it'),
  'list-command': forVerb('list', 'lists all of an installation'),
  'check-command': forVerb('check', 'says whether machines can be made'),
  'logs-command': forVerb('logs', 'prints what a machine wrote'),
  isolation: { key: 'isolation', value: 'kind', help: 'what separates its machines from what is around them: vm, container, sandbox, or none (default)', read: oneOf('vm', 'container', 'sandbox', 'none') },
  'boot-by': { key: 'bootBy', value: 'way', help: 'how the secret part of a start reaches the program: stdin (default), or file', read: oneOf('stdin', 'file') },
  timeout: { key: 'timeoutSeconds', value: 'seconds', help: 'after which the program is ended (default 300)', read: numberFrom(1, 3600, '1 to 3600 seconds') },
  variable: { key: 'variables', value: 'name', multiple: true, help: "the program gets this variable of the server's environment", read: some('the name of a variable', /^[A-Za-z_][A-Za-z0-9_]*$/) },
  currency: { key: 'currency', value: 'code', help: 'of --hourly and --stopped-hourly (default USD)', read: some('a code such as EUR', /^[A-Z]{3}$/) },
  hourly: { key: 'runningMicrosPerHour', value: 'price', help: 'what a running machine costs you per hour (default 0)', read: price },
  'stopped-hourly': { key: 'stoppedMicrosPerHour', value: 'price', help: 'what a stopped one costs you per hour (default 0)', read: price },
}
