using Microsoft.Extensions.Logging;

namespace ModelFs.Registries;

public static class RegistryFactory
{
    /// <param name="environment">Reads an environment variable, or answers null: the process's, or a test's.</param>
    /// <exception cref="RegistryConfigurationException">The options make no sense; the message names the setting.</exception>
    public static IModelRegistry Create(RegistryOptions options, Func<string, string?> environment, ILoggerFactory logs, TimeProvider time) =>
        throw new NotImplementedException();
}

public sealed class RegistryConfigurationException(string message) : Exception(message);
