/** What the server's process gets of ours. It names its owner after USER, which services and containers may not set. */
export function serverEnvironment(home: string, env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return { ...env, BERTH_HOME: home, USER: env['USER'] || env['LOGNAME'] || systemName() }
}

/** The system's name for whoever runs this; undefined where it has none. */
function systemName(): string | undefined {
  if (!Bun.which('id')) return undefined
  const { exitCode, stdout } = Bun.spawnSync(['id', '-un'], { stdin: 'ignore', stderr: 'ignore' })
  return (exitCode === 0 && stdout.toString().trim()) || undefined
}
