import { expect, it } from 'vitest';
import { withServer } from './server.js';

it('a server with many tables open listens for rejections once', async () => {
  const before = process.listenerCount('unhandledRejection');
  await withServer({}, async (_server, { streamed }) => {
    for (let i = 0; i < 12; i++) await streamed.createTable({ table: `t${i}` });
    for (let i = 0; i < 12; i++) await streamed.describeTable({ table: `t${i}` });
    expect(process.listenerCount('unhandledRejection')).toBe(before + 1);
  });
  expect(process.listenerCount('unhandledRejection')).toBe(before);
});
