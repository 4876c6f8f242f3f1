/** What a person pastes so that their own agent finds `berth mcp`. */
export type ClientName = 'claude' | 'cursor' | 'codex'

const quote = (word: string): string => (/^[\w./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** `argv`: how the server is started; `home`: where this CLI keeps its sign-in, when that is not the usual place; `variables`: which of the person's it needs, and some clients pass only what is named. */
export function clientConfig(client: ClientName, { argv, home, variables }: { argv: readonly string[]; home: string | null; variables: readonly string[] }): string {
  const [command = 'berth', ...args] = argv
  const env = home === null ? {} : { BERTH_HOME: home }
  switch (client) {
    case 'claude': return ['claude mcp add berth --scope user', ...Object.entries(env).map(([name, value]) => `--env ${name}=${quote(value)}`), '--', ...argv.map(quote)].join(' ')
    case 'cursor': return JSON.stringify({ mcpServers: { berth: { command, args, ...(home === null && variables.length === 0 ? {} : { env: { ...env, ...Object.fromEntries(variables.map((name) => [name, `\${env:${name}}`])) } }) } } }, null, 2)
    case 'codex': return [
      '[mcp_servers.berth]', `command = ${JSON.stringify(command)}`, `args = ${JSON.stringify(args)}`,
      ...(variables.length === 0 ? [] : [`env_vars = ${JSON.stringify(variables)}`]),
      ...(home === null ? [] : [`env = { BERTH_HOME = ${JSON.stringify(home)} }`]),
    ].join('\n')
  }
}
