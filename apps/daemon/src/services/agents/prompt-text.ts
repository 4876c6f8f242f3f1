/** A person's words, as they may reach an agent. */

/** Control characters would end the paste early or press keys. */
export function pasteable(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what this removes
  return text.replaceAll(/\r\n?/g, '\n').replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '').trim()
}
