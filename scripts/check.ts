/** `bun run check`: types, lint, boundaries and generated files, side by side. Seconds, not minutes. */
const checks: Record<string, string[]> = {
  types: ['node_modules/.bin/tsc', '-p', '.', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'],
  lint: ['node_modules/.bin/oxlint', '--type-aware', '--quiet', '.'],
  boundaries: [process.execPath, 'scripts/boundaries.ts'],
  generated: [process.execPath, 'scripts/generate.ts', '--check'],
}
const root = `${import.meta.dir}/..`
const results = await Promise.all(
  Object.entries(checks).map(async ([name, argv]) => {
    const started = performance.now()
    const child = Bun.spawn(argv, { cwd: root, stdout: 'pipe', stderr: 'pipe' })
    const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    return { name, code, text: out + err, seconds: (performance.now() - started) / 1000 }
  }),
)
for (const { name, code, text, seconds } of results) {
  console.log(`${code === 0 ? '✓' : '✗'} ${name} ${seconds.toFixed(1)}s`)
  if (code !== 0) console.log(text.split('\n').slice(0, 200).join('\n'))
}
process.exit(results.every((result) => result.code === 0) ? 0 : 1)
