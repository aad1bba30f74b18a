/* tests/support/dice.h - numbers that look random and are the same in each run. */
#pragma once
#include <stdint.h>

struct dice {
    uint64_t state; /* the seed, at the start */
};

/* SplitMix64 (Steele, Lea and Flood 2014). */
static inline uint64_t dice_roll(struct dice *dice)
{
    uint64_t value = dice->state += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

/* 0 to sides - 1. */
static inline uint32_t dice_below(struct dice *dice, uint32_t sides)
{
    return (uint32_t)(dice_roll(dice) % sides);
}
