/**
 * xterm writes `<style>` elements and `style` attributes, which a page without `unsafe-inline` refuses. From here on
 * what is written to them goes the ways that the policy allows: an adopted sheet, and the CSSOM. Nothing else of this
 * page makes style elements or style attributes.
 */
let routed = false

export function routeInlineStyles(): void {
  if (routed) return
  routed = true
  const sheets = new WeakMap<HTMLStyleElement, CSSStyleSheet>()
  Object.defineProperty(HTMLStyleElement.prototype, 'textContent', {
    set(this: HTMLStyleElement, css: string) {
      const sheet = sheets.get(this) ?? new CSSStyleSheet()
      sheet.replaceSync(css)
      if (sheets.has(this)) return
      sheets.set(this, sheet)
      document.adoptedStyleSheets.push(sheet)
    },
  })
  HTMLStyleElement.prototype.remove = function (this: HTMLStyleElement) {
    const sheet = sheets.get(this)
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet)
    Element.prototype.remove.call(this)
  }
  HTMLSpanElement.prototype.setAttribute = function (this: HTMLSpanElement, name: string, value: string) {
    if (name === 'style') this.style.cssText = value
    else Element.prototype.setAttribute.call(this, name, value)
  }
}
