/** The session ended while the page was open. A fresh load gets the same words from the server. */
export function SignedOut() {
  return (
    <main class="empty">
      <svg class="mark big" aria-hidden="true"><use href="#mark" /></svg>
      <h1>This browser is not signed in</h1>
      <p>On the machine that runs the server:</p>
      <pre class="cmd" tabIndex={0}>berth web</pre>
      <p class="meta">It opens a link that signs one browser in, once.</p>
    </main>
  )
}
