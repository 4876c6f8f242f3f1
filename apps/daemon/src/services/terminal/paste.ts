/** What a person pastes is text: a control byte in it could end the paste early and type on as if by hand. */
export function pasteText(text: string): string {
  // eslint-disable-next-line no-control-regex -- exactly these are to go
  return text.replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f\u0080-\u009f]/g, '')
}
