/** The engine, by its own command. */
export async function docker(argv: readonly string[], { mayFail = false, stdin }: { mayFail?: boolean; stdin?: Blob } = {}): Promise<{ exitCode: number; stdout: string }> {
  const child = Bun.spawn(['docker', ...argv], { stdin: stdin ?? 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (exitCode !== 0 && !mayFail) throw new Error(`docker ${argv[0] ?? ''} ended with ${exitCode}: ${stderr.trim().slice(-500)}`)
  return { exitCode, stdout: stdout.trim() }
}
