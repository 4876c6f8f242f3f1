/** What ids are made of. No run-time dependencies: the page makes ids of its own messages. */

/** Crockford's alphabet in lower case: no i, l, o, u, so an id can be read aloud and typed. */
export const ID_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
export const ID_LENGTH = 12
