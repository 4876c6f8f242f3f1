export function SignedOut() {
  return (
    <main class="empty">
      <h1>This browser is not signed in</h1>
      <p>On the machine that runs the server, run:</p>
      <pre class="cmd">berth web</pre>
      <p class="meta">It opens a link that works once.</p>
    </main>
  )
}
