// Calls of the gateway. Whatever goes wrong is a ServiceError with a slug that the page has words for.
import { pageData } from "../words.js";

// Where the server asks for keys, this page acts by its session, and shows that it is this page by this token.
const signed = pageData.csrfToken ? { "X-CSRF-Token": pageData.csrfToken } : {};

export class ServiceError extends Error {
  constructor(slug, { status = 0, detail = "", field = null, requestId = "", retryAfterS = null, retryable = true } = {}) {
    super(detail || slug);
    Object.assign(this, { slug, status, detail, field, requestId, retryAfterS, retryable });
  }

  /** Is it only that there is no way to the server just now? */
  get unreachable() {
    return this.slug === "offline" || this.slug === "unreachable";
  }

  /** Does the server no longer hold what was asked for? */
  get gone() {
    return this.status === 404 || this.status === 410;
  }
}

/** fetch() of this site; resolves to a good answer, rejects with a ServiceError or, aborted, an AbortError. */
export async function call(path, { headers = {}, ...options } = {}) {
  const response = await reached(fetch(path, { ...options, headers: { ...signed, ...headers } }));
  if (!response.ok) throw await errorOf(response);
  return response;
}

export async function callJson(path, options) {
  return reached((await call(path, options)).json());
}

/**
 * What `asked` of the network resolves to. A way that is lost (browsers say TypeError) rejects with a ServiceError,
 * `slug` or "offline"; anything else that went wrong rejects as it is.
 */
export async function reached(asked, slug = "unreachable") {
  try {
    return await asked;
  } catch (error) {
    throw error instanceof TypeError ? new ServiceError(navigator.onLine ? slug : "offline") : error;
  }
}

async function errorOf(response) {
  const type = response.headers.get("Content-Type") ?? "";
  const problem = type.startsWith("application/problem+json") ? await response.json().catch(() => ({})) : {};
  return errorFrom(problem, response.status, Number(response.headers.get("Retry-After")) || null);
}

/** A problem document, of an answer or of a failed job, as an error. */
export function errorFrom(problem, status = problem.status, retryAfterS = null) {
  return new ServiceError((problem.type ?? "").split(":").pop() || "other", {
    status,
    detail: problem.detail,
    field: problem.field ?? null,
    requestId: problem.request_id,
    retryAfterS,
    retryable: problem.retryable ?? status >= 500,
  });
}
