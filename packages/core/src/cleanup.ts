/** Things to undo, newest first: what `DisposableStack` is on newer Nodes. */
export class Cleanup implements Disposable {
  readonly #actions: (() => void)[] = [];

  defer(action: () => void): void {
    this.#actions.push(action);
  }

  use<Resource extends Disposable>(resource: Resource): Resource {
    this.#actions.push(() => resource[Symbol.dispose]());
    return resource;
  }

  [Symbol.dispose](): void {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) action();
  }
}
