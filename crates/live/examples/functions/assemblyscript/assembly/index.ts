// Adds up what is paid for each product, and emits an event whenever a product has earned another 1,000.00:
//
//   {"type":"shop.revenue_passed","subject":"teapot","data":{"revenue":"3000.00"}}

import { Batch, emit, quoted } from "./flowbench";
export { abi, alloc } from "./flowbench";

const STEP_CENTS: i64 = 100_000;

const revenue_cents = new Map<string, i64>();

export function on_batch(address: i32, length: i32): i32 {
  const batch = new Batch(address, length);
  while (batch.next()) {
    const product = batch.text("product");
    if (product.length == 0) continue;
    const before = revenue_cents.has(product) ? revenue_cents.get(product) : 0;
    const after = before + batch.cents("value");
    revenue_cents.set(product, after);
    if (after / STEP_CENTS > before / STEP_CENTS) passed(product, after / STEP_CENTS);
  }
  return 0;
}

function passed(product: string, steps: i64): void {
  const revenue = (steps * (STEP_CENTS / 100)).toString() + ".00";
  emit(`{"type":"shop.revenue_passed","subject":${quoted(product)},"data":{"revenue":"${revenue}"}}`);
}
