import type { Currency, Invoice, LineItem, Money } from "./invoice";

export function money(amount: number, currency: Currency): Money {
  return { amount, currency };
}

export function add(left: Money, right: Money): Money {
  if (left.currency !== right.currency) {
    throw new Error(`Cannot add ${right.currency} to ${left.currency}.`);
  }
  return money(left.amount + right.amount, left.currency);
}

export function multiply(price: Money, factor: number): Money {
  return money(Math.round(price.amount * factor), price.currency);
}

export function totalOfItem(item: LineItem): Money {
  return multiply(item.unitPrice, item.quantity);
}

export function totalOfInvoice(invoice: Invoice, currency: Currency): Money {
  return invoice.items.map(totalOfItem).reduce(add, money(0, currency));
}

/** For people: 12.50 EUR. */
export function format({ amount, currency }: Money): string {
  return `${(amount / 100).toFixed(2)} ${currency}`;
}
