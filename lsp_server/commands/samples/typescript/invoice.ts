/** An amount in the smallest unit of its currency: cents, pence. */
export interface Money {
  readonly amount: number;
  readonly currency: Currency;
}

export type Currency = "EUR" | "GBP" | "USD";

export type Status = "draft" | "sent" | "paid" | "cancelled";

export interface LineItem {
  readonly description: string;
  readonly quantity: number;
  readonly unitPrice: Money;
}

export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

export interface Invoice {
  readonly id: string;
  readonly number: number;
  readonly customer: Customer;
  readonly items: readonly LineItem[];
  readonly status: Status;
  readonly issuedAt: Date;
  readonly dueAt: Date;
  readonly paidAt?: Date;
}

export interface InvoiceFilter {
  readonly status?: Status;
  readonly customerId?: string;
  readonly issuedAfter?: Date;
  readonly issuedBefore?: Date;
}

/** Thrown where an invoice is asked for that nobody knows. */
export class InvoiceNotFoundError extends Error {
  constructor(readonly id: string) {
    super(`There is no invoice with the id ${id}.`);
    this.name = "InvoiceNotFoundError";
  }
}

/** Thrown where an invoice is not at the stage that a step needs. */
export class WrongStatusError extends Error {
  constructor(
    readonly invoice: Invoice,
    readonly wanted: Status,
  ) {
    super(`Invoice ${invoice.number} is ${invoice.status}, not ${wanted}.`);
    this.name = "WrongStatusError";
  }
}
