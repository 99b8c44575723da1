import type { Currency, Invoice, LineItem, Status } from "./invoice";
import { money } from "./money";

/** A row of the table `invoices`, as the database driver returns it. */
export interface InvoiceRow {
  readonly id: string;
  readonly number: number;
  readonly customer_id: string;
  readonly customer_name: string;
  readonly customer_email: string;
  readonly status: Status;
  readonly issued_at: string;
  readonly due_at: string;
  readonly paid_at: string | null;
}

/** A row of the table `line_items`. */
export interface LineItemRow {
  readonly invoice_id: string;
  readonly description: string;
  readonly quantity: number;
  readonly unit_price: number;
  readonly currency: Currency;
}

export function toLineItem(row: LineItemRow): LineItem {
  return {
    description: row.description,
    quantity: row.quantity,
    unitPrice: money(row.unit_price, row.currency),
  };
}

export function toInvoice(row: InvoiceRow, items: LineItemRow[]): Invoice {
  return {
    id: row.id,
    number: row.number,
    customer: {
      id: row.customer_id,
      name: row.customer_name,
      email: row.customer_email,
    },
    items: items.map(toLineItem),
    status: row.status,
    issuedAt: new Date(row.issued_at),
    dueAt: new Date(row.due_at),
    paidAt: row.paid_at ? new Date(row.paid_at) : undefined,
  };
}

export function toInvoiceRow(invoice: Invoice): InvoiceRow {
  return {
    id: invoice.id,
    number: invoice.number,
    customer_id: invoice.customer.id,
    customer_name: invoice.customer.name,
    customer_email: invoice.customer.email,
    status: invoice.status,
    issued_at: invoice.issuedAt.toISOString(),
    due_at: invoice.dueAt.toISOString(),
    paid_at: invoice.paidAt?.toISOString() ?? null,
  };
}
