using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Registries;
using ModelFs.Vfs;

namespace ModelFs.Hosting;

/// <summary>Pins what the configuration names, and moves the pins along with their aliases.</summary>
/// <remarks>What cannot be resolved just now stays pinned as it was, over restarts too.</remarks>
internal sealed class ConfiguredPins(IReadOnlyList<RegistryOptions> registries, TimeSpan every, ModelTree tree, Inventory inventory, ILogger log, TimeProvider time)
    : BackgroundService
{
    private readonly Dictionary<string, string> pinned = [];
    private readonly HashSet<string> failing = [];

    private readonly string[] settings = [.. registries.SelectMany(r => r.Pins.Select(pin => $"{r.Name}/{pin.Trim('/')}")).Distinct()];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RemoveOthersAsync(stoppingToken);
            using var timer = new PeriodicTimer(every, time);
            do
            {
                foreach (var setting in settings)
                    await PinAsync(setting, stoppingToken);
            }
            while (settings.Length > 0 && await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The daemon ends.
        }
    }

    private async Task RemoveOthersAsync(CancellationToken cancellation)
    {
        try
        {
            await inventory.PinAsync([], [.. inventory.Pins.Where(pin => pin.Setting is not null && !settings.Contains(pin.Setting))], cancellation);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            Log.PinFails(log, "pins", e.Message);
        }
    }

    private async Task PinAsync(string setting, CancellationToken cancellation)
    {
        try
        {
            var node = (await tree.ResolveAsync(setting, followLast: true, cancellation)).OrThrow(setting);
            if (pinned.GetValueOrDefault(setting) == node.Path)
                return;
            var pin = await LocalCacheStore.PinOfAsync(tree, setting, setting, cancellation);
            if (await inventory.PinAsync([pin], [], cancellation))
                Log.Pinned(log, pin.Name, setting);
            // A version without files may still be on its way.
            if (pin.Keys.Count > 0)
                pinned[setting] = pin.Name;
            failing.Remove(setting);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            // Whatever it is: nothing that goes wrong with a pin takes the mount from those who read.
            if (failing.Add(setting))
                Log.PinFails(log, setting, e.Message);
        }
    }
}
