/** AES-256-GCM with one key. */
export interface Cipher {
  random(size: number): Uint8Array
  /** The sealed bytes and then the tag. */
  seal(nonce: Uint8Array, data: Uint8Array, bytes: Uint8Array): Promise<Uint8Array>
  /** undefined where it was sealed by another key or altered. */
  open(nonce: Uint8Array, data: Uint8Array, sealed: Uint8Array): Promise<Uint8Array | undefined>
}

interface Algorithm {
  readonly name: 'AES-GCM'
  readonly iv: Uint8Array
  readonly additionalData: Uint8Array
}

/** What is used of WebCrypto: `globalThis.crypto` has it in all hosts. */
export interface WebCrypto {
  getRandomValues(bytes: Uint8Array): unknown
  readonly subtle: {
    importKey(
      format: 'raw',
      key: Uint8Array,
      algorithm: 'AES-GCM',
      extractable: boolean,
      usages: ['encrypt', 'decrypt'],
    ): Promise<unknown>
    encrypt(algorithm: Algorithm, key: unknown, bytes: Uint8Array): Promise<ArrayBuffer>
    decrypt(algorithm: Algorithm, key: unknown, sealed: Uint8Array): Promise<ArrayBuffer>
  }
}

/** `key`: 32 bytes. */
export async function webCipher(crypto: WebCrypto, key: Uint8Array): Promise<Cipher> {
  const { subtle } = crypto
  const imported = await subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])
  return {
    random: (size) => {
      const bytes = new Uint8Array(size)
      crypto.getRandomValues(bytes)
      return bytes
    },
    seal: async (iv, additionalData, bytes) =>
      new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, imported, bytes)),
    open: async (iv, additionalData, sealed) => {
      try {
        return new Uint8Array(await subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, imported, sealed))
      } catch {
        return undefined
      }
    },
  }
}
