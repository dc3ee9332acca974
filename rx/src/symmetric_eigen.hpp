// Eigenvalues and eigenvectors of a small symmetric matrix.
#pragma once
#include <vector>

namespace rxhpc::impl {

struct SymmetricEigen {
  std::vector<double> values;                ///< falling
  std::vector<std::vector<double>> vectors;  ///< [k] of length 1; the first component that is not nearly 0 is positive
};

/// Cyclic Jacobi rotations (Golub & Van Loan, Matrix Computations, 4th edition, algorithms 8.5.1 and 8.5.3): about 8 sweeps of
/// 4 n^3 multiply-adds. Throws NumericalError where the matrix has values that are not finite.
SymmetricEigen symmetric_eigen(const std::vector<std::vector<double>>& matrix);

}  // namespace rxhpc::impl
