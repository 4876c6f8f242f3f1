/** The keyboard takes half of a phone: the bar leaves the rest to what is typed. Asked of the page; a style that asks would be asked again for each row that comes. */
export function sayTyping(): void {
  document.documentElement.classList.toggle('typing', document.activeElement instanceof HTMLTextAreaElement)
}
