/** As git hosts take a token: a secret, in a header. */
export const basicAuthorization = ({ username, token }: { readonly username: string; readonly token: string }): string => `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`
