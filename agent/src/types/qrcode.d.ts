/** The part of qrcode that is used here; the package brings no types. */
declare module 'qrcode' {
  interface TextOptions {
    readonly type: 'utf8' | 'terminal';
    /** Two modules in one character. */
    readonly small?: boolean;
    readonly errorCorrectionLevel?: 'L' | 'M' | 'Q' | 'H';
  }
  const qrcode: { toString(text: string, options: TextOptions): Promise<string> };
  export default qrcode;
}
