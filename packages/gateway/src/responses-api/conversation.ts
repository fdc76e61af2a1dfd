import type { ChatMessage } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import { itemMessages } from './input-items.ts';
import { inputItem } from './schemas.ts';
import type { InputItemBody } from './schemas.ts';
import type { ResponseStore, StoredItem, StoredResponse } from './store.ts';

/** Responses that one may go on from, one after the other. */
const MAX_CHAIN = 1000;

/** The messages of a stored response and of all that it goes on from, oldest first. Throws an `InvalidRequestError` when one is gone. */
export function earlierMessages(store: ResponseStore, id: string, owner: string): ChatMessage[] {
  const chain: StoredResponse[] = [];
  for (let next: string | undefined = id; next !== undefined; next = chain.at(-1)?.previousId) {
    const found = store.get(next, owner);
    if (found === undefined) throw notFound(next);
    chain.push(found);
    if (chain.length > MAX_CHAIN) {
      throw new InvalidRequestError(`The conversation has more than ${MAX_CHAIN} responses.`, {
        param: 'previous_response_id',
        hint: 'Begin another, with a summary of this one.',
      });
    }
  }
  const items = chain.toReversed().flatMap(({ input, response }) => [...input, ...response.output].map((item) => readItem(item)));
  return itemMessages(items, 'previous_response_id');
}

/** Items with those that are only named put in their place. Throws an `InvalidRequestError` when one is gone. */
export function withoutReferences(items: readonly InputItemBody[], store: ResponseStore, owner: string): readonly InputItemBody[] {
  return items.map((item, index) => {
    if (item.type !== 'item_reference') return item;
    const found = store.item(item.id ?? '', owner);
    if (found !== undefined) return readItem(found);
    throw new InvalidRequestError(`The item ${JSON.stringify((item.id ?? '').slice(0, 100))} is not kept here, or no more.`, {
      param: `input[${index}].id`,
      reason: 'item_not_found',
      hint: 'Send the item itself.',
    });
  });
}

/** What was put in came through the same schema. */
const readItem = (item: StoredItem): InputItemBody => inputItem.parse(item);

const notFound = (id: string): InvalidRequestError =>
  new InvalidRequestError(`The response ${JSON.stringify(id.slice(0, 100))} is not kept here, or no more.`, {
    param: 'previous_response_id',
    reason: 'previous_response_not_found',
    hint: "Send the whole conversation as 'input'.",
  });
