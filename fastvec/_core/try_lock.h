/* Locks that are never waited for: 0 is free. A thread that finds one taken goes on and tries again later. */
#ifndef FASTVEC_TRY_LOCK_H
#define FASTVEC_TRY_LOCK_H

#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static int fv_try_lock(int32_t *lock) { return _InterlockedExchange((volatile long *)lock, 1) == 0; }
static void fv_unlock(int32_t *lock) { (void)_InterlockedExchange((volatile long *)lock, 0); }
#else
static int fv_try_lock(int32_t *lock) { return __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) == 0; }
static void fv_unlock(int32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }
#endif

#endif
